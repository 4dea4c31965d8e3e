# A queue, its dead letters, and who reads it.

locals {
  # A message is tried so often before it is a dead letter: MAX_DELIVERIES of the program's queues.
  deliveries = 5

  # Six times the function's time, as AWS advises: a throttled batch is tried again before others see it.
  visibility_s = 6 * var.function.timeout_s

  day_s = 24 * 60 * 60
}

resource "aws_sqs_queue" "this" {
  name                       = var.name
  visibility_timeout_seconds = local.visibility_s
  message_retention_seconds  = 4 * local.day_s
  receive_wait_time_seconds  = 20

  sqs_managed_sse_enabled = var.kms_key_arn == null ? true : null
  kms_master_key_id       = var.kms_key_arn

  redrive_policy = jsonencode({
    deadLetterTargetArn = "${var.arn}-dead"
    maxReceiveCount     = local.deliveries
  })

  # Named by its ARN, and not read from it, so that the plan shows it.
  depends_on = [aws_sqs_queue.dead]
}

resource "aws_sqs_queue" "dead" {
  name = "${var.name}-dead"

  # As long as SQS keeps anything: a dead letter's age counts from when it was first sent.
  message_retention_seconds = 14 * local.day_s

  sqs_managed_sse_enabled = var.kms_key_arn == null ? true : null
  kms_master_key_id       = var.kms_key_arn
}

resource "aws_sqs_queue_redrive_allow_policy" "dead" {
  queue_url = aws_sqs_queue.dead.url

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [var.arn]
  })
}

resource "aws_lambda_event_source_mapping" "this" {
  event_source_arn        = aws_sqs_queue.this.arn
  function_name           = var.function.arn
  batch_size              = var.batch_size
  function_response_types = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = var.maximum_concurrency
  }
}
