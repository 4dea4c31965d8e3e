variable "name" {
  description = "The queue's name; its dead letters' ends in -dead."
  type        = string
}

variable "arn" {
  description = "The queue's ARN, known before it exists."
  type        = string
}

variable "function" {
  description = "Who reads it: the function's name, ARN and time limit."
  type = object({
    name      = string
    arn       = string
    timeout_s = number
  })
}

variable "batch_size" {
  description = "Messages a call, at most."
  type        = number
}

variable "maximum_concurrency" {
  description = "Calls at once, at most."
  type        = number
}

variable "told_by" {
  description = "The bucket that may send to it, and its account; none if null."
  type = object({
    bucket_arn = string
    account    = string
  })
  default = null
}

variable "kms_key_arn" {
  description = "The key that messages are encrypted with; SQS's own if null."
  type        = string
}
