output "api_url" {
  description = "The API's address: FETTLE_URL for the command line."
  value       = module.api.url
}

output "first_admin_command" {
  description = "Makes the first admin's key, once: a second call is refused. Needs the AWS command line and lambda:InvokeFunction. Null for a registry without such an operation."
  value       = one([for name in local.first_admin : "aws lambda invoke --region ${var.region} --function-name ${module.function[name].name} --cli-binary-format raw-in-base64-out --payload '{}' /dev/stdout"])
}

output "bucket" {
  description = "Where data sets and artifacts are."
  value       = module.store.bucket
}

output "table" {
  description = "Where all state is."
  value       = module.store.table
}

output "dashboard_url" {
  description = "The dashboard, in the console."
  value       = "https://${var.region}.console.aws.amazon.com/cloudwatch/home?region=${var.region}#dashboards/dashboard/${aws_cloudwatch_dashboard.this.dashboard_name}"
}

output "events_topic_arn" {
  description = "The topic of the platform's events: subscribe to be told of them."
  value       = aws_sns_topic.events.arn
}

output "alarms_topic_arn" {
  description = "The topic of the alarms."
  value       = aws_sns_topic.alarms.arn
}

output "functions" {
  description = "The Lambda function of each operation."
  value       = { for name, function in module.function : name => function.name }
}
