# One Lambda function an operation.

locals {
  environment = merge(
    {
      FETTLE_ENV        = "production"
      FETTLE_STORAGE    = "s3"
      FETTLE_BUCKET     = local.bucket_name
      FETTLE_DATABASE   = "dynamodb"
      FETTLE_TABLE      = local.table_name
      FETTLE_QUEUE      = "sqs"
      FETTLE_QUEUE_BASE = local.queue_base
      FETTLE_COMPUTE    = "lambda"
      FETTLE_SECRETS    = "secretsmanager"
      FETTLE_SECRET_ID  = local.secret_name
      FETTLE_NOTIFIER   = "sns"
      FETTLE_TOPIC_ARN  = local.topic_arn
      FETTLE_AUTH       = var.oidc == null ? "keys" : "oidc"
      FETTLE_LOG        = var.log_level
      FETTLE_LOG_FORMAT = "json"
    },
    {
      for name, value in {
        FETTLE_OIDC_ISSUER          = try(var.oidc.issuer, null)
        FETTLE_OIDC_AUDIENCE        = try(var.oidc.audience, null)
        FETTLE_OIDC_WORKSPACE_CLAIM = try(var.oidc.workspace_claim, null)
        FETTLE_OIDC_ROLE_CLAIM      = try(var.oidc.role_claim, null)
        FETTLE_OIDC_ROLES           = try(join(",", [for claim, role in var.oidc.roles : "${claim}=${role}"]), null)
      } : name => value if value != null && value != ""
    },
    { for name, limit in var.limits : "FETTLE_${upper(name)}" => format("%d", limit) if limit != null },
  )
}

module "function" {
  source   = "./modules/function"
  for_each = local.operations

  name        = each.value.function_name
  handler     = each.key
  description = each.value.summary

  package      = "${local.package_dir}/${each.value.package}.zip"
  package_hash = lookup(local.hashes, each.value.package, null)
  architecture = var.architecture
  memory_mb    = each.value.memory_mb
  timeout_s    = each.value.timeout_s
  environment  = local.environment

  statements         = local.statements[each.key]
  partition          = local.partition
  account            = local.account
  region             = var.region
  tracing            = var.tracing
  log_retention_days = var.log_retention_days
  kms_key_arn        = var.kms_key_arn

  reserved_concurrency = lookup(var.reserved_concurrency, each.key, null)
  # Of the doors to a model the platform's own: each that is kept warm is paid for by itself.
  provisioned_concurrency = each.key == "predict.rows" ? var.predict_provisioned : 0

  depends_on = [terraform_data.registry]
}
