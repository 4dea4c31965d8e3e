output "name" {
  description = "The function's name."
  value       = aws_lambda_function.this.function_name
}

output "arn" {
  description = "The function's ARN, or its warm alias's: what events call."
  value       = local.warm ? aws_lambda_alias.warm[0].arn : aws_lambda_function.this.arn
}

output "invoke_arn" {
  description = "What API Gateway calls."
  value       = local.warm ? aws_lambda_alias.warm[0].invoke_arn : aws_lambda_function.this.invoke_arn
}

output "qualifier" {
  description = "The alias that is called, if one is."
  value       = local.warm ? aws_lambda_alias.warm[0].name : null
}

output "described" {
  description = "The function as it is planned."
  value = {
    handler      = aws_lambda_function.this.handler
    package      = aws_lambda_function.this.filename
    hash         = aws_lambda_function.this.source_code_hash
    runtime      = aws_lambda_function.this.runtime
    architecture = aws_lambda_function.this.architectures[0]
    memory_mb    = aws_lambda_function.this.memory_size
    timeout_s    = aws_lambda_function.this.timeout
    reserved     = aws_lambda_function.this.reserved_concurrent_executions
    tracing      = aws_lambda_function.this.tracing_config[0].mode
    environment  = aws_lambda_function.this.environment[0].variables
    log          = aws_lambda_function.this.logging_config[0].log_group
    warm         = one(aws_lambda_provisioned_concurrency_config.warm[*].provisioned_concurrent_executions)
  }
}

output "role" {
  description = "The role's name."
  value       = aws_iam_role.this.name
}

output "policy" {
  description = "What the role allows, as JSON."
  value       = aws_iam_role_policy.this.policy
}

output "log_group" {
  description = "Its log group's name and the days that it keeps."
  value = {
    name = aws_cloudwatch_log_group.this.name
    days = aws_cloudwatch_log_group.this.retention_in_days
  }
}
