# Who the function is, and what it may do.

locals {
  own_log = "arn:${var.partition}:logs:${var.region}:${var.account}:log-group:/aws/lambda/${var.name}:*"

  policy = {
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid      = "OwnLog"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = [local.own_log]
      }],
      # X-Ray has no resource that a trace could be scoped to: AWS takes "*" and nothing else here.
      [for _ in range(var.tracing ? 1 : 0) : {
        Sid      = "OwnTraces"
        Effect   = "Allow"
        Action   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
        Resource = ["*"]
      }],
      var.statements,
    )
  }
}

resource "aws_iam_role" "this" {
  name        = var.name
  description = "What the operation ${var.handler} may do"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name   = "operation"
  role   = aws_iam_role.this.name
  policy = jsonencode(local.policy)
}
