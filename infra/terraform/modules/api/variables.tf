variable "name" {
  description = "The API's name."
  type        = string
}

variable "routes" {
  description = "By route key (\"GET /path\"): the function that answers, whether anybody may call it, and limits of its own if it has any."
  type = map(object({
    operation = string
    function = object({
      name       = string
      invoke_arn = string
      qualifier  = optional(string)
    })
    open = bool
    throttle = optional(object({
      rate  = number
      burst = number
    }))
  }))
}

variable "authorizer" {
  description = "The function that says who is calling."
  type = object({
    name       = string
    invoke_arn = string
  })
}

variable "throttle" {
  description = "Requests a second, and how many at once above that."
  type = object({
    rate  = number
    burst = number
  })
}

variable "cors_origins" {
  description = "Origins whose pages may call it."
  type        = list(string)
}

variable "domain" {
  description = "An address of one's own, in a hosted zone of Route 53."
  type = object({
    name    = string
    zone_id = string
  })
}

variable "log_retention_days" {
  description = "Days that the access log is kept."
  type        = number
}

variable "kms_key_arn" {
  description = "The key that the access log is encrypted with; one of AWS if null."
  type        = string
}
