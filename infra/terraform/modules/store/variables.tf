variable "table_name" {
  description = "The table's name."
  type        = string
}

variable "bucket_name" {
  description = "The bucket's name."
  type        = string
}

variable "bucket_arn" {
  description = "The bucket's ARN, known before it exists."
  type        = string
}

variable "secret_name" {
  description = "The secret's name."
  type        = string
}

variable "kms_key_arn" {
  description = "The key that all of it is encrypted with; keys of AWS if null."
  type        = string
}

variable "protect_data" {
  description = "Whether all of it refuses to be destroyed."
  type        = bool
}

variable "upload_prefix" {
  description = "Where files are uploaded to."
  type        = string
}

variable "upload_days" {
  description = "Days after which an upload that nobody took is removed."
  type        = number
}

variable "old_version_days" {
  description = "Days for which an object that was overwritten or deleted can be brought back."
  type        = number
}

variable "cors_origins" {
  description = "Origins whose pages may upload and download."
  type        = list(string)
}
