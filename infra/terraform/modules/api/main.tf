# The HTTP API and its one stage.

resource "aws_apigatewayv2_api" "this" {
  name                         = var.name
  description                  = "Fettle: train, register, deploy, predict"
  protocol_type                = "HTTP"
  disable_execute_api_endpoint = var.domain != null

  dynamic "cors_configuration" {
    for_each = length(var.cors_origins) > 0 ? [var.cors_origins] : []

    content {
      allow_origins  = cors_configuration.value
      allow_methods  = sort(distinct([for key in keys(var.routes) : split(" ", key)[0]]))
      allow_headers  = ["authorization", "content-type", "idempotency-key", "if-match"]
      expose_headers = ["etag", "location", "retry-after", "x-request-id"]
      max_age        = 3600
    }
  }
}

resource "aws_apigatewayv2_stage" "this" {
  api_id      = aws_apigatewayv2_api.this.id
  name        = "$default"
  auto_deploy = true

  default_route_settings {
    throttling_rate_limit  = var.throttle.rate
    throttling_burst_limit = var.throttle.burst
  }

  dynamic "route_settings" {
    for_each = { for key, route in var.routes : key => route.throttle if route.throttle != null }

    content {
      route_key              = route_settings.key
      throttling_rate_limit  = route_settings.value.rate
      throttling_burst_limit = route_settings.value.burst
    }
  }

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.access.arn
    format          = jsonencode(local.access_log)
  }

  # Settings of a route are refused before the route is there.
  depends_on = [aws_apigatewayv2_route.this]
}
