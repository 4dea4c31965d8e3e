output "bucket" {
  description = "The bucket's name."
  value       = aws_s3_bucket.objects.bucket
}

output "table" {
  description = "The table's name."
  value       = aws_dynamodb_table.state.name
}

output "secret" {
  description = "The secret's name."
  value       = aws_secretsmanager_secret.keys.name
}
