# Names and ARNs of what the roles are for. They are put together here and not read from the
# resources, so that a plan shows every policy in full, before anything exists.

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition

  table_name  = coalesce(var.table_name, var.name)
  bucket_name = coalesce(var.bucket_name, "${var.name}-${local.account}-${var.region}")
  secret_name = "${var.name}/keys"
  topic_name  = "${var.name}-events"

  table_arn  = "arn:${local.partition}:dynamodb:${var.region}:${local.account}:table/${local.table_name}"
  bucket_arn = "arn:${local.partition}:s3:::${local.bucket_name}"
  topic_arn  = "arn:${local.partition}:sns:${var.region}:${local.account}:${local.topic_name}"

  # Secrets Manager ends every ARN with a hyphen and six characters of its own.
  secret_arn = "arn:${local.partition}:secretsmanager:${var.region}:${local.account}:secret:${local.secret_name}-??????"

  # Queues' begin so, and end in the queue's name.
  queue_arn  = "arn:${local.partition}:sqs:${var.region}:${local.account}:${var.name}-"
  queue_arns = { for queue in keys(local.queues) : queue => "${local.queue_arn}${queue}" }

  # Where the program sends to; it adds the queue's name.
  queue_base = "https://sqs.${var.region}.${data.aws_partition.current.dns_suffix}/${local.account}/${var.name}-"

  # The queue that S3 tells of uploads, and the prefix of their keys.
  upload_queue  = "ingest"
  upload_prefix = "uploads/"
}
