# Who is told: of what the platform does, and of what goes wrong with it.

# The platform's events. Systems and people subscribe to it as they like.
resource "aws_sns_topic" "events" {
  name              = local.topic_name
  kms_master_key_id = coalesce(var.kms_key_arn, "alias/aws/sns")
}

# CloudWatch and the budget may not use SNS's own key, so without one of the operator's a topic that
# they publish to has none. An alarm says a name and a number.
resource "aws_sns_topic" "alarms" {
  name              = "${var.name}-alarms"
  kms_master_key_id = var.kms_key_arn
}

locals {
  topic_tls_only = {
    for topic, arn in { events = local.topic_arn, alarms = local.alarm_topic_arn } : topic => {
      Sid                      = "TlsOnly"
      Effect                   = "Deny"
      Principal                = "*"
      Action                   = "sns:Publish"
      Resource                 = arn
      Condition                = { Bool = { "aws:SecureTransport" = "false" } }
    }
  }

  alarm_topic_arn = "arn:${local.partition}:sns:${var.region}:${local.account}:${var.name}-alarms"
}

resource "aws_sns_topic_policy" "events" {
  arn    = aws_sns_topic.events.arn
  policy = jsonencode({ Version = "2012-10-17", Statement = [local.topic_tls_only.events] })
}

resource "aws_sns_topic_policy" "alarms" {
  arn = aws_sns_topic.alarms.arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([local.topic_tls_only.alarms], [
      for service in ["cloudwatch", "budgets"] : {
        Sid       = title(service)
        Effect    = "Allow"
        Principal = { Service = "${service}.amazonaws.com" }
        Action    = "sns:Publish"
        Resource  = local.alarm_topic_arn
        Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
      }
    ])
  })
}

resource "aws_sns_topic_subscription" "alarms" {
  count = var.alarm_email == null ? 0 : 1

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = var.alarm_email
}
