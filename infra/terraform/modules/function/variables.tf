variable "name" {
  description = "The function's name, and its role's."
  type        = string

  validation {
    condition     = can(regex("^[a-zA-Z0-9-_]{1,64}$", var.name))
    error_message = "A function's and a role's name has at most 64 letters, digits, - and _: choose a shorter name for the platform."
  }
}

variable "handler" {
  description = "The operation that the package's program is to run."
  type        = string
}

variable "description" {
  description = "What it does, in a line."
  type        = string
}

variable "package" {
  description = "The zip file with the program."
  type        = string
}

variable "package_hash" {
  description = "The zip file's sha256 in base64: another one is deployed."
  type        = string
}

variable "architecture" {
  description = "arm64 or x86_64."
  type        = string
}

variable "memory_mb" {
  description = "Memory; a whole processor at 1,769 MB."
  type        = number
}

variable "timeout_s" {
  description = "The longest that a call may take."
  type        = number
}

variable "environment" {
  description = "The program's settings. Nothing secret: who may see the function sees them."
  type        = map(string)
}

variable "statements" {
  description = "What its role allows, beside its own logs and traces: statements of an IAM policy."
  type        = any
}

variable "partition" {
  description = "The part of AWS, as ARNs name it."
  type        = string
}

variable "account" {
  description = "The account's number."
  type        = string
}

variable "region" {
  description = "The region."
  type        = string
}

variable "tracing" {
  description = "Whether calls are traced with X-Ray."
  type        = bool
}

variable "log_retention_days" {
  description = "Days that its log is kept."
  type        = number
}

variable "kms_key_arn" {
  description = "The key that its log is encrypted with; one of AWS if null."
  type        = string
}

variable "reserved_concurrency" {
  description = "So many at once at most, kept for it; what the account has left if null."
  type        = number
}

variable "provisioned_concurrency" {
  description = "So many instances are kept warm."
  type        = number
}
