# Who else may: nobody without TLS, and the bucket that tells of uploads.

locals {
  tls_only = {
    for arn in [var.arn, "${var.arn}-dead"] : arn => {
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "sqs:*"
      Resource  = arn
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }
  }

  told = var.told_by == null ? [] : [{
    Sid       = "Uploads"
    Effect    = "Allow"
    Principal = { Service = "s3.amazonaws.com" }
    Action    = "sqs:SendMessage"
    Resource  = var.arn
    Condition = {
      ArnEquals    = { "aws:SourceArn" = var.told_by.bucket_arn }
      StringEquals = { "aws:SourceAccount" = var.told_by.account }
    }
  }]
}

resource "aws_sqs_queue_policy" "this" {
  queue_url = aws_sqs_queue.this.url
  policy    = jsonencode({ Version = "2012-10-17", Statement = concat([local.tls_only[var.arn]], local.told) })
}

resource "aws_sqs_queue_policy" "dead" {
  queue_url = aws_sqs_queue.dead.url
  policy    = jsonencode({ Version = "2012-10-17", Statement = [local.tls_only["${var.arn}-dead"]] })
}
