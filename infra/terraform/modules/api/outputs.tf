output "id" {
  description = "The API's id, by which its metrics are found."
  value       = aws_apigatewayv2_api.this.id
}

output "url" {
  description = "The API's address."
  value       = var.domain == null ? aws_apigatewayv2_api.this.api_endpoint : "https://${var.domain.name}"
  depends_on  = [aws_apigatewayv2_stage.this, aws_apigatewayv2_api_mapping.this, aws_route53_record.this]
}

output "access_log" {
  description = "The name of the access log's group."
  value       = aws_cloudwatch_log_group.access.name
}

output "described" {
  description = "The API as it is planned."
  value = {
    routes = {
      for key, route in aws_apigatewayv2_route.this : key => {
        operation     = route.operation_name
        authorization = route.authorization_type
        payload       = aws_apigatewayv2_integration.this[key].payload_format_version
        function      = aws_lambda_permission.route[key].function_name
        qualifier     = aws_lambda_permission.route[key].qualifier
      }
    }
    authorizer = {
      function = aws_lambda_permission.authorizer.function_name
      type     = aws_apigatewayv2_authorizer.this.authorizer_type
      payload  = aws_apigatewayv2_authorizer.this.authorizer_payload_format_version
      ttl_s    = aws_apigatewayv2_authorizer.this.authorizer_result_ttl_in_seconds
      simple   = aws_apigatewayv2_authorizer.this.enable_simple_responses
      identity = aws_apigatewayv2_authorizer.this.identity_sources
    }
    throttle = {
      rate   = aws_apigatewayv2_stage.this.default_route_settings[0].throttling_rate_limit
      burst  = aws_apigatewayv2_stage.this.default_route_settings[0].throttling_burst_limit
      routes = { for settings in aws_apigatewayv2_stage.this.route_settings : settings.route_key => settings.throttling_rate_limit }
    }
    access_log  = aws_apigatewayv2_stage.this.access_log_settings[0].format
    log_days    = aws_cloudwatch_log_group.access.retention_in_days
    cors        = try(aws_apigatewayv2_api.this.cors_configuration[0].allow_origins, [])
    aws_address = !aws_apigatewayv2_api.this.disable_execute_api_endpoint
    domains     = [for domain in aws_apigatewayv2_domain_name.this : domain.domain_name]
  }
}
