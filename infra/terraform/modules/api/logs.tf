# Who asked for what, and what they got: one line of JSON a request. No header, query or body.

locals {
  access_log = {
    time       = "$context.requestTime"
    request_id = "$context.requestId"
    route      = "$context.routeKey"
    status     = "$context.status"
    latency_ms = "$context.responseLatency"
    bytes      = "$context.responseLength"
    ip         = "$context.identity.sourceIp"
    subject    = "$context.authorizer.subject"
    workspace  = "$context.authorizer.workspace"
    authorizer = "$context.authorizer.error"
    error      = "$context.error.message"
    function   = "$context.integration.error"
  }
}

# AWS writes to groups under vendedlogs without a policy for each, of which an account has ten.
resource "aws_cloudwatch_log_group" "access" {
  #checkov:skip=CKV_AWS_338:How long is for the operator to say (var.log_retention_days); a year of addresses is a year of personal data
  name              = "/aws/vendedlogs/${var.name}/api"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}
