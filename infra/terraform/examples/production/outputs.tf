output "api_url" {
  description = "The API's address."
  value       = module.fettle.api_url
}

output "first_admin_command" {
  description = "Makes the first admin's key, once."
  value       = module.fettle.first_admin_command
}

output "bucket" {
  description = "Where data sets and artifacts are."
  value       = module.fettle.bucket
}

output "dashboard_url" {
  description = "The dashboard, in the console."
  value       = module.fettle.dashboard_url
}

output "events_topic_arn" {
  description = "The topic of the platform's events."
  value       = module.fettle.events_topic_arn
}
