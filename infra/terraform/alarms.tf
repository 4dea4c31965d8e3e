# What somebody should be told of. docs/deploy.md says what to do about each.

locals {
  # Functions whose callers are not told: an error of one behind the API is a 5xx there.
  watched = toset([
    for name, operation in local.operations : name
    if var.alarm_functions == "all" || operation.kind != "http" && operation.kind != "operator" || contains(local.predict_answer, name)
  ])

  alarms = merge(
    {
      for queue in keys(local.queues) : "dead-letters-${queue}" => {
        about      = "Messages of the queue ${queue} were tried five times and given up."
        namespace  = "AWS/SQS"
        metric     = "ApproximateNumberOfMessagesVisible"
        dimensions = { QueueName = module.queue[queue].dead_name }
        statistic  = "Maximum"
        above      = 0
        periods    = 1
      }
    },
    {
      for queue in keys(local.queues) : "age-${queue}" => {
        about      = "The oldest message of the queue ${queue} has waited for more than ${var.queue_age_s} s."
        namespace  = "AWS/SQS"
        metric     = "ApproximateAgeOfOldestMessage"
        dimensions = { QueueName = module.queue[queue].name }
        statistic  = "Maximum"
        above      = var.queue_age_s
        periods    = 3
      }
    },
    {
      for name in local.watched : "errors-${replace(name, ".", "-")}" => {
        about      = "${name} ended in an error, ran out of time or out of memory."
        namespace  = "AWS/Lambda"
        metric     = "Errors"
        dimensions = { FunctionName = module.function[name].name }
        statistic  = "Sum"
        above      = 0
        periods    = 2
      }
    },
    {
      for name in local.watched : "throttles-${replace(name, ".", "-")}" => {
        about      = "${name} was not run because too much else was running."
        namespace  = "AWS/Lambda"
        metric     = "Throttles"
        dimensions = { FunctionName = module.function[name].name }
        statistic  = "Sum"
        above      = 0
        periods    = 3
      }
    },
    {
      for name in local.predict_answer : "p99-${replace(name, ".", "-")}" => {
        about      = "One call of ${name} in a hundred takes more than ${var.predict_p99_ms} ms."
        namespace  = "AWS/Lambda"
        metric     = "Duration"
        dimensions = { FunctionName = module.function[name].name }
        statistic  = "p99"
        above      = var.predict_p99_ms
        periods    = 3
      }
    },
    {
      api-5xx = {
        about      = "The API answered with a fault of the platform's."
        namespace  = "AWS/ApiGateway"
        metric     = "5xx"
        dimensions = { ApiId = module.api.id }
        statistic  = "Sum"
        above      = 4
        periods    = 1
      }
    },
  )
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.about
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = startswith(each.value.statistic, "p") ? null : each.value.statistic
  extended_statistic  = startswith(each.value.statistic, "p") ? each.value.statistic : null
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.above
  period              = 300
  evaluation_periods  = each.value.periods
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

# Nothing measures what does not happen: here no data is what is wrong.
resource "aws_cloudwatch_metric_alarm" "clock" {
  for_each = local.clock

  alarm_name          = "${var.name}-stopped-${replace(each.key, ".", "-")}"
  alarm_description   = "${each.key} has not run for a quarter of an hour: what is due is not sent."
  namespace           = "AWS/Lambda"
  metric_name         = "Invocations"
  dimensions          = { FunctionName = module.function[each.key].name }
  statistic           = "Sum"
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  period              = 300
  evaluation_periods  = 3
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}
