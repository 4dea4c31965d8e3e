variable "region" {
  description = "The AWS region."
  type        = string
  default     = "eu-central-1"
}

variable "domain" {
  description = "The API's address, and the hosted zone of Route 53 that it is in."
  type = object({
    name    = string
    zone_id = string
  })
}

variable "oidc" {
  description = "The issuer of the organisation's tokens, and the audience that they are for."
  type = object({
    issuer   = string
    audience = string
  })
}

variable "alarm_email" {
  description = "Who is told of alarms and of the budget."
  type        = string
}

variable "kms_key_arn" {
  description = "The key that everything is encrypted with (docs/deploy.md has its policy); keys of AWS if null."
  type        = string
  default     = null
}
