# The platform for an organisation: its own address, its own sign-in, warm predictions, an alarm for
# every function, and a budget.

module "fettle" {
  source = "../.."

  name   = "fettle-prod"
  region = var.region
  tags   = { Environment = "production" }

  domain = var.domain
  oidc   = var.oidc

  kms_key_arn        = var.kms_key_arn
  old_version_days   = 90
  log_retention_days = 90

  throttle            = { rate = 200, burst = 400 }
  predict_throttle    = { rate = 500, burst = 1000 }
  predict_provisioned = 2
  queue_concurrency   = { trial = 200 }

  alarm_email        = var.alarm_email
  alarm_functions    = "all"
  predict_p99_ms     = 500
  monthly_budget_usd = 200
}
