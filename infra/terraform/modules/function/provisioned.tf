# Instances that are kept warm belong to a version, and callers reach it by an alias.

locals {
  warm = var.provisioned_concurrency > 0
}

resource "aws_lambda_alias" "warm" {
  count = local.warm ? 1 : 0

  name             = "warm"
  description      = "The version that is kept warm"
  function_name    = aws_lambda_function.this.function_name
  function_version = aws_lambda_function.this.version
}

resource "aws_lambda_provisioned_concurrency_config" "warm" {
  count = local.warm ? 1 : 0

  function_name                     = aws_lambda_function.this.function_name
  qualifier                         = aws_lambda_alias.warm[0].name
  provisioned_concurrent_executions = var.provisioned_concurrency
}
