# What clients call.

locals {
  routes = { for name in local.http : "${local.operations[name].method} ${local.operations[name].path}" => name }
}

module "api" {
  source = "./modules/api"

  name = var.name

  routes = {
    for key, name in local.routes : key => {
      operation = name
      function = {
        name       = module.function[name].name
        invoke_arn = module.function[name].invoke_arn
        qualifier  = module.function[name].qualifier
      }
      open     = local.operations[name].permission == "open"
      throttle = contains(local.predict, name) ? var.predict_throttle : null
    }
  }

  authorizer = {
    name       = module.function[local.authorizer].name
    invoke_arn = module.function[local.authorizer].invoke_arn
  }

  throttle           = var.throttle
  cors_origins       = var.cors_origins
  domain             = var.domain
  log_retention_days = var.log_retention_days
  kms_key_arn        = var.kms_key_arn
}
