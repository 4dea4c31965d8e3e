# What calls operations that no request calls: queues and the clock.

module "queue" {
  source   = "./modules/queue"
  for_each = local.queues

  name = "${var.name}-${each.key}"
  arn  = local.queue_arns[each.key]

  function = {
    name      = module.function[each.value].name
    arn       = module.function[each.value].arn
    timeout_s = local.operations[each.value].timeout_s
  }

  # Messages of a batch are worked on one after the other: long work comes alone.
  batch_size          = local.operations[each.value].timeout_s > 60 ? 1 : 10
  maximum_concurrency = lookup(var.queue_concurrency, each.key, 10)

  told_by     = each.key == local.upload_queue ? { bucket_arn = local.bucket_arn, account = local.account } : null
  kms_key_arn = var.kms_key_arn
}

resource "aws_s3_bucket_notification" "uploads" {
  bucket = module.store.bucket

  queue {
    queue_arn     = module.queue[local.upload_queue].arn
    events        = ["s3:ObjectCreated:*"]
    filter_prefix = local.upload_prefix
  }
}

resource "aws_cloudwatch_event_rule" "clock" {
  for_each = local.clock

  name                = local.operations[each.key].function_name
  description         = local.operations[each.key].summary
  schedule_expression = "rate(1 minute)"
}

resource "aws_cloudwatch_event_target" "clock" {
  for_each = local.clock

  rule      = aws_cloudwatch_event_rule.clock[each.key].name
  target_id = "function"
  arn       = module.function[each.key].arn
}

resource "aws_lambda_permission" "clock" {
  for_each = local.clock

  statement_id  = "clock"
  action        = "lambda:InvokeFunction"
  function_name = module.function[each.key].name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.clock[each.key].arn
}

# The next minute's call does what this one did not: none is kept or repeated.
resource "aws_lambda_function_event_invoke_config" "clock" {
  for_each = local.clock

  function_name                = module.function[each.key].name
  maximum_retry_attempts       = 0
  maximum_event_age_in_seconds = 60
}
