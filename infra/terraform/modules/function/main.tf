# One operation as a Lambda function.

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_116:Messages have dead letters at their queue, requests have a caller, and the clock's next call does what this one did not
  #checkov:skip=CKV_AWS_117:It reaches AWS by IAM alone; a VPC needs gateways that cost 32 USD a month each at rest, and protects nothing here
  #checkov:skip=CKV_AWS_173:No variable is a secret, and Lambda encrypts them with its own key
  #checkov:skip=CKV_AWS_272:The packages are built from source by who deploys them; their sha256 is in the plan
  function_name = var.name
  description   = var.description
  role          = aws_iam_role.this.arn

  package_type     = "Zip"
  filename         = var.package
  source_code_hash = var.package_hash
  runtime          = "provided.al2023"
  architectures    = [var.architecture]
  handler          = var.handler

  memory_size                    = var.memory_mb
  timeout                        = var.timeout_s
  reserved_concurrent_executions = coalesce(var.reserved_concurrency, -1)
  publish                        = var.provisioned_concurrency > 0

  environment {
    variables = var.environment
  }

  # The program writes JSON, one object a line, which Lambda would wrap in JSON once more.
  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.this.name
  }

  tracing_config {
    mode = var.tracing ? "Active" : "PassThrough"
  }

  depends_on = [aws_iam_role_policy.this]
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:How long is for the operator to say (var.log_retention_days); a year of logs is a year of personal data
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}
