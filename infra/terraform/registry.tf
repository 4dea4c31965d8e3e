# What the program says of itself: operations.json is generated from its registry of operations.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  registry = jsondecode(file(coalesce(var.operations_file, "${path.module}/operations.json")))

  # Every operation by name, with one shape whatever calls it.
  operations = {
    for operation in local.registry : operation.name => {
      function_name = "${var.name}-${replace(operation.name, ".", "-")}"
      package       = operation.package
      permission    = operation.permission
      summary       = operation.summary
      memory_mb     = operation.memory_mb
      timeout_s     = operation.timeout_s
      uses          = toset(operation.uses)
      kind          = try(keys(operation.entry)[0], operation.entry) # http, queue, clock, authorizer, operator
      method        = try(operation.entry.http.method, null)
      path          = try(operation.entry.http.path, null)
      queue         = try(operation.entry.queue, null)
    }
  }

  # Names of operations, by what calls them.
  http       = toset([for name, operation in local.operations : name if operation.kind == "http"])
  clock      = toset([for name, operation in local.operations : name if operation.kind == "clock"])
  authorizer = one([for name, operation in local.operations : name if operation.kind == "authorizer"])

  # Makes the first admin's key; for whoever may call the function itself.
  first_admin = [for name, operation in local.operations : name if name == "access.first-admin" && operation.kind == "operator"]

  # Each queue's reader, by the queue's name.
  queues = { for name, operation in local.operations : operation.queue => name if operation.kind == "queue" }

  # The requests for predictions: throttled apart, kept warm, and watched.
  predict        = toset([for name in local.http : name if local.operations[name].permission == "predict"])
  predict_answer = toset([for name in local.predict : name if contains(["predict.rows", "mlflow.invocations", "inference.infer"], name)])

  # What scripts/package.sh built.
  package_dir = coalesce(var.package_dir, "${path.module}/../../dist")
  manifest    = "${local.package_dir}/packages.json"
  built       = fileexists(local.manifest) ? jsondecode(file(local.manifest)) : null
  hashes      = var.packages != null ? var.packages : try({ for name, package in local.built.packages : name => package.sha256 }, {})
  not_built   = setsubtract([for operation in values(local.operations) : operation.package], keys(local.hashes))
}

# Refuses at the plan what would fail, or silently be too little, later.
resource "terraform_data" "registry" {
  lifecycle {
    precondition {
      condition     = length(distinct([for operation in local.registry : operation.name])) == length(local.registry)
      error_message = "Two operations have the same name."
    }

    precondition {
      condition     = length(distinct([for operation in values(local.operations) : operation.function_name])) == length(local.operations)
      error_message = "Two operations would have the same function."
    }

    precondition {
      condition     = alltrue([for operation in values(local.operations) : contains(["http", "queue", "clock", "authorizer", "operator"], operation.kind)])
      error_message = "An operation is called by something that this configuration does not know."
    }

    precondition {
      condition     = local.authorizer != null
      error_message = "No operation of the registry says who is calling, so nobody could be let in."
    }

    precondition {
      condition     = length(local.unknown_uses) == 0
      error_message = "access.tf does not say what the role may do for: ${join(", ", local.unknown_uses)}."
    }

    precondition {
      condition     = contains(keys(local.queues), local.upload_queue)
      error_message = "No operation reads the queue of uploads, ${local.upload_queue}."
    }

    precondition {
      condition     = length(local.not_built) == 0
      error_message = "Not in ${var.packages == null ? local.manifest : "packages"}: ${join(", ", local.not_built)}. Run scripts/package.sh."
    }

    precondition {
      condition     = var.packages != null || try(local.built.architecture, var.architecture) == var.architecture
      error_message = "The packages were built for ${try(local.built.architecture, "?")}, and architecture is ${var.architecture}."
    }
  }
}
