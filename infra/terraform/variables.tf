# What is made

variable "name" {
  description = "Begins the name of everything that is made: unique in the account, for IAM's sake in all its regions."
  type        = string
  default     = "fettle"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name)) && !strcontains(var.name, "--")
    error_message = "name is 3 to 20 of a-z, 0-9 and single hyphens, begins with a letter and ends with none of the hyphens: it begins a bucket's and a function's name."
  }
}

variable "region" {
  description = "The AWS region that all of it is in."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region is an AWS region such as eu-central-1."
  }
}

variable "tags" {
  description = "Tags for everything, beside Application and Deployment."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for tag in keys(var.tags) : !startswith(lower(tag), "aws:")])
    error_message = "tags may not begin with aws:, which Amazon keeps for itself."
  }

  validation {
    condition     = length(setintersection(keys(var.tags), ["Application", "Deployment"])) == 0
    error_message = "tags may not set Application or Deployment: these are set from the name."
  }
}

variable "architecture" {
  description = "The functions' processor: arm64 (a fifth cheaper), or x86_64. The packages must be built for it."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture is arm64 or x86_64."
  }
}

# Where it is made from

variable "package_dir" {
  description = "The directory with the zip files and packages.json that scripts/package.sh wrote; dist/ at the top of the repository if null."
  type        = string
  default     = null
}

variable "packages" {
  description = "The sha256 of each package's zip in base64, by package, in place of packages.json."
  type        = map(string)
  default     = null

  validation {
    condition     = var.packages == null ? true : alltrue([for hash in values(var.packages) : can(regex("^[A-Za-z0-9+/]{43}=$", hash))])
    error_message = "packages maps each package to its zip's sha256 in base64 (44 characters)."
  }
}

variable "operations_file" {
  description = "The registry of operations; operations.json beside this file if null. The packages must be of the same build."
  type        = string
  default     = null

  validation {
    condition     = var.operations_file == null ? true : can(jsondecode(file(var.operations_file))[0].name)
    error_message = "operations_file is a JSON file with the list of operations."
  }
}

# State

variable "bucket_name" {
  description = "The bucket's name; <name>-<account>-<region> if null."
  type        = string
  default     = null

  validation {
    condition     = var.bucket_name == null ? true : can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.bucket_name))
    error_message = "bucket_name is 3 to 63 of a-z, 0-9 and hyphens, not at its ends."
  }
}

variable "table_name" {
  description = "The table's name; <name> if null. Another one after a restore."
  type        = string
  default     = null

  validation {
    condition     = var.table_name == null ? true : can(regex("^[A-Za-z0-9_.-]{3,255}$", var.table_name))
    error_message = "table_name is 3 to 255 of A-Z, a-z, 0-9, _, . and -."
  }
}

variable "kms_key_arn" {
  description = "A customer-managed key for table, bucket, queues, topics, secret and logs (docs/deploy.md has its policy); keys of AWS, without a monthly price, if null."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null ? true : can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[a-z0-9-]+$", var.kms_key_arn))
    error_message = "kms_key_arn is the ARN of a key (arn:aws:kms:REGION:ACCOUNT:key/ID), not of an alias."
  }
}

variable "protect_data" {
  description = "Whether table, bucket and secret refuse to be destroyed. Off only before `terraform destroy`."
  type        = bool
  default     = true
}

variable "upload_days" {
  description = "Days after which an upload that was never ingested, or left unfinished, is removed."
  type        = number
  default     = 7

  validation {
    condition     = var.upload_days >= 1 && floor(var.upload_days) == var.upload_days
    error_message = "upload_days is a whole number of at least 1."
  }
}

variable "old_version_days" {
  description = "Days for which an object that was overwritten or deleted can be brought back."
  type        = number
  default     = 35

  validation {
    condition     = var.old_version_days >= 1 && floor(var.old_version_days) == var.old_version_days
    error_message = "old_version_days is a whole number of at least 1."
  }
}

# Who may call

variable "oidc" {
  description = "The OpenID Connect issuer whose tokens are taken beside API keys, the audience that they must be for, the claims that say workspace and role, and the role of each value of the latter. Only API keys if null."
  type = object({
    issuer          = string
    audience        = string
    workspace_claim = optional(string)
    role_claim      = optional(string)
    roles           = optional(map(string), {})
  })
  default = null

  validation {
    condition     = var.oidc == null ? true : can(regex("^https://[^/?#\\s]+[^?#\\s]*$", var.oidc.issuer))
    error_message = "oidc.issuer is an https:// address without query or fragment, as in the tokens' iss."
  }

  validation {
    condition     = var.oidc == null ? true : trimspace(var.oidc.audience) != ""
    error_message = "oidc.audience may not be empty: a token for any other system would be taken."
  }

  validation {
    condition     = var.oidc == null ? true : alltrue([for role in values(var.oidc.roles) : contains(["admin", "editor", "viewer", "predictor"], role)])
    error_message = "oidc.roles maps values of the role's claim to admin, editor, viewer or predictor."
  }
}

variable "cors_origins" {
  description = "Origins whose pages may call the API and upload to the bucket: https://app.example.com. None by default."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for origin in var.cors_origins : can(regex("^https?://[^/*\\s]+$", origin))])
    error_message = "cors_origins are scheme and host without a path, such as https://app.example.com; * is refused."
  }
}

variable "domain" {
  description = "An address of one's own for the API, in a hosted zone of Route 53; the one that AWS gives if null, which is switched off otherwise."
  type = object({
    name    = string
    zone_id = string
  })
  default = null

  validation {
    condition     = var.domain == null ? true : can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.domain.name))
    error_message = "domain.name is a host name such as fettle.example.com."
  }

  validation {
    condition     = var.domain == null ? true : can(regex("^Z[A-Z0-9]+$", var.domain.zone_id))
    error_message = "domain.zone_id is the id of a Route 53 hosted zone, such as Z0123456789ABC."
  }
}

# Limits

variable "limits" {
  description = "The platform's own limits, where they are to differ from its defaults (see .env.example)."
  type = object({
    max_upload_bytes = optional(number)
    max_table_bytes  = optional(number)
    max_rows         = optional(number)
    max_columns      = optional(number)
    max_predict_rows = optional(number)
  })
  default = {}

  validation {
    condition     = alltrue([for limit in values(var.limits) : limit == null ? true : limit >= 1 && floor(limit) == limit])
    error_message = "limits are whole numbers of at least 1."
  }
}

variable "throttle" {
  description = "Requests a second to the API, and how many at once above that, before it answers 429."
  type = object({
    rate  = number
    burst = number
  })
  default = { rate = 50, burst = 100 }

  validation {
    condition     = var.throttle.rate >= 1 && var.throttle.burst >= 1
    error_message = "throttle.rate and throttle.burst are at least 1: 0 would refuse every request."
  }
}

variable "predict_throttle" {
  description = "The same for predictions, on each of their routes."
  type = object({
    rate  = number
    burst = number
  })
  default = { rate = 200, burst = 400 }

  validation {
    condition     = var.predict_throttle.rate >= 1 && var.predict_throttle.burst >= 1
    error_message = "predict_throttle.rate and predict_throttle.burst are at least 1: 0 would refuse every prediction."
  }
}

variable "reserved_concurrency" {
  description = "By operation: so many at once at most, kept for it out of the account's. None by default."
  type        = map(number)
  default     = {}

  validation {
    condition     = alltrue([for most in values(var.reserved_concurrency) : most >= 1 && floor(most) == most])
    error_message = "reserved_concurrency is a whole number of at least 1 for each operation: 0 would switch it off."
  }

  validation {
    condition     = length(setsubtract(keys(var.reserved_concurrency), keys(local.operations))) == 0
    error_message = "reserved_concurrency names an operation that is not in the registry: ${join(", ", setsubtract(keys(var.reserved_concurrency), keys(local.operations)))}."
  }
}

variable "queue_concurrency" {
  description = "By queue: so many messages at once at most. 10 for a queue that is not named."
  type        = map(number)
  default     = { trial = 50 }

  validation {
    condition     = alltrue([for most in values(var.queue_concurrency) : most >= 2 && most <= 1000 && floor(most) == most])
    error_message = "queue_concurrency is 2 to 1000 for each queue, which is what Lambda takes."
  }

  validation {
    condition     = length(setsubtract(keys(var.queue_concurrency), keys(local.queues))) == 0
    error_message = "queue_concurrency names a queue that no operation reads: ${join(", ", setsubtract(keys(var.queue_concurrency), keys(local.queues)))}."
  }
}

variable "predict_provisioned" {
  description = "So many instances of predict.rows are kept warm, and paid for by the hour. 0 keeps none."
  type        = number
  default     = 0

  validation {
    condition     = var.predict_provisioned >= 0 && floor(var.predict_provisioned) == var.predict_provisioned
    error_message = "predict_provisioned is a whole number, 0 or more."
  }
}

# What is seen

variable "log_level" {
  description = "What is logged: error, warn, info, debug, or a filter like info,fettle_backend=debug."
  type        = string
  default     = "info"

  validation {
    condition     = can(regex("^[a-z0-9_:=,]+$", var.log_level))
    error_message = "log_level is error, warn, info or debug, or a filter like info,fettle_backend=debug."
  }
}

variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days is one that CloudWatch takes: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653. Never to remove them is refused."
  }
}

variable "tracing" {
  description = "Whether calls are traced with X-Ray."
  type        = bool
  default     = true
}

variable "alarm_email" {
  description = "Who is told of alarms and of the budget: the address gets a mail to confirm. Nobody but the topic if null."
  type        = string
  default     = null

  validation {
    condition     = var.alarm_email == null ? true : can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", var.alarm_email))
    error_message = "alarm_email is an e-mail address."
  }
}

variable "alarm_functions" {
  description = "Which functions have alarms of their own for errors and throttles: events (those not behind the API, whose 5xx tells of the rest, and predictions), or all (0.20 USD a month each)."
  type        = string
  default     = "events"

  validation {
    condition     = contains(["events", "all"], var.alarm_functions)
    error_message = "alarm_functions is events or all."
  }
}

variable "predict_p99_ms" {
  description = "An alarm when one prediction in a hundred takes longer than this."
  type        = number
  default     = 2000

  validation {
    condition     = var.predict_p99_ms >= 1
    error_message = "predict_p99_ms is at least 1."
  }
}

variable "queue_age_s" {
  description = "An alarm when a message has waited longer than this: the work is stuck, or more than queue_concurrency gets through."
  type        = number
  default     = 3600

  validation {
    condition     = var.queue_age_s >= 60
    error_message = "queue_age_s is at least 60."
  }
}

variable "monthly_budget_usd" {
  description = "A mail or message when the account spends 80 % of this in a month, all of it, or is forecast to. No budget if null."
  type        = number
  default     = null

  validation {
    condition     = var.monthly_budget_usd == null ? true : var.monthly_budget_usd > 0
    error_message = "monthly_budget_usd is more than 0."
  }
}
