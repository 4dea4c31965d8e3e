output "arn" {
  description = "The queue's ARN, once its policy lets others send to it."
  value       = aws_sqs_queue.this.arn
  depends_on  = [aws_sqs_queue_policy.this]
}

output "name" {
  description = "The queue's name."
  value       = aws_sqs_queue.this.name
}

output "dead_name" {
  description = "The name of its dead letters."
  value       = aws_sqs_queue.dead.name
}

output "described" {
  description = "The queue as it is planned."
  value = {
    visibility_s        = aws_sqs_queue.this.visibility_timeout_seconds
    retention_s         = aws_sqs_queue.this.message_retention_seconds
    dead_retention_s    = aws_sqs_queue.dead.message_retention_seconds
    encrypted           = [for queue in [aws_sqs_queue.this, aws_sqs_queue.dead] : queue.sqs_managed_sse_enabled == true || queue.kms_master_key_id != null]
    kms_keys            = [for queue in [aws_sqs_queue.this, aws_sqs_queue.dead] : queue.kms_master_key_id]
    redrive             = aws_sqs_queue.this.redrive_policy
    policy              = aws_sqs_queue_policy.this.policy
    dead_policy         = aws_sqs_queue_policy.dead.policy
    redrive_allow       = aws_sqs_queue_redrive_allow_policy.dead.redrive_allow_policy
    batch_size          = aws_lambda_event_source_mapping.this.batch_size
    responses           = aws_lambda_event_source_mapping.this.function_response_types
    maximum_concurrency = aws_lambda_event_source_mapping.this.scaling_config[0].maximum_concurrency
  }
}
