# What each role allows, as an attacker who got into one function would read it.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
}

variables {
  region = "eu-central-1"
  packages = {
    for package in distinct([for operation in jsondecode(file("operations.json")) : operation.package]) :
    package => base64sha256(package)
  }
}

run "no_wildcards" {
  command = plan

  assert {
    condition = alltrue(flatten([
      for function in values(module.function) : [
        for statement in jsondecode(function.policy).Statement : [
          for action in flatten([statement.Action]) : can(regex("^[a-z0-9]+:[A-Za-z]+$", action))
        ]
      ]
    ]))
    error_message = "No role allows actions by a wildcard."
  }

  # X-Ray's two actions have no resource that AWS could scope them to.
  assert {
    condition = alltrue(flatten([
      for function in values(module.function) : [
        for statement in jsondecode(function.policy).Statement : [
          for resource in flatten([statement.Resource]) :
          can(regex("^arn:aws:(dynamodb|logs|secretsmanager|sns|sqs):eu-central-1:123456789012:[^*]+(:\\*)?$", resource)) ||
          can(regex("^arn:aws:s3:::fettle-123456789012-eu-central-1(/.+)?$", resource)) ||
          toset(statement.Action) == toset(["xray:PutTelemetryRecords", "xray:PutTraceSegments"])
        ]
      ]
    ]))
    error_message = "No role allows anything on resources that are not the platform's own."
  }

  assert {
    condition = alltrue(flatten([
      for function in values(module.function) : [
        for statement in jsondecode(function.policy).Statement :
        statement.Effect == "Allow" && !contains(keys(statement), "NotAction") && !contains(keys(statement), "NotResource")
      ]
    ]))
    error_message = "Roles say what they allow, not what they leave out."
  }

  assert {
    condition = alltrue([
      for function in values(module.function) :
      length(distinct([for statement in jsondecode(function.policy).Statement : statement.Sid])) == length(jsondecode(function.policy).Statement) &&
      length(replace(function.policy, "/\\s/", "")) <= 10240
    ])
    error_message = "Policies are such as IAM takes: no statement's name twice, 10,240 characters at most."
  }

  assert {
    condition = alltrue(flatten([
      for name, function in module.function : [
        for statement in jsondecode(function.policy).Statement :
        statement.Resource == ["arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/${function.name}:*"]
        if startswith(statement.Action[0], "logs:")
      ]
    ]))
    error_message = "A function writes to its own log only."
  }
}

# The words of `uses`, held against the actions by a table of their own.
run "uses" {
  command = plan

  variables {
    tracing = false
  }

  assert {
    condition = alltrue([
      for operation in local.registry :
      toset(flatten([for statement in jsondecode(module.function[operation.name].policy).Statement : statement.Action])) == toset(concat(
        ["logs:CreateLogStream", "logs:PutLogEvents"],
        can(operation.entry.queue) ? ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"] : [],
        flatten([
          for use in operation.uses : lookup({
            "state.read"     = concat(["dynamodb:GetItem", "dynamodb:Query"], contains(["authorize.request", "inference.ready", "observe.health"], operation.name) ? [] : ["s3:GetObject", "s3:ListBucket"])
            "state.write"    = ["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:ConditionCheckItem", "s3:PutObject", "s3:DeleteObject"]
            "objects.read"   = ["s3:GetObject", "s3:ListBucket"]
            "objects.write"  = ["s3:PutObject", "s3:AbortMultipartUpload"]
            "objects.delete" = ["s3:DeleteObject"]
            "objects.list"   = ["s3:ListBucket"]
            "queues.tend"    = ["sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:SendMessage"]
            "keys"           = ["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"]
            "notify"         = ["sns:Publish"]
          }, use, startswith(use, "queue.send.") ? ["sqs:SendMessage"] : ["unknown"])
        ]),
      ))
    ])
    error_message = "A role allows the actions that its operation's uses stand for, and no others."
  }

  assert {
    condition = alltrue(flatten([
      for operation in local.registry : [
        for statement in jsondecode(module.function[operation.name].policy).Statement :
        startswith(statement.Resource[0], "arn:aws:s3:::fettle-123456789012-eu-central-1/overflow/") if endswith(statement.Sid, "Overflow")
      ]
    ]))
    error_message = "State that overflows is under overflow/."
  }

  assert {
    condition = alltrue([
      for operation in local.registry :
      toset(flatten([for statement in jsondecode(module.function[operation.name].policy).Statement : statement.Resource if statement.Action == ["sqs:SendMessage"]])) ==
      toset([for use in operation.uses : "arn:aws:sqs:eu-central-1:123456789012:fettle-${trimprefix(use, "queue.send.")}" if startswith(use, "queue.send.")])
      if !contains(operation.uses, "queues.tend")
    ])
    error_message = "An operation sends to the queues that it names."
  }

  assert {
    condition = alltrue(flatten([
      for operation in local.registry : [
        for statement in jsondecode(module.function[operation.name].policy).Statement :
        statement.Resource == ["arn:aws:sqs:eu-central-1:123456789012:fettle-${operation.entry.queue}"] if statement.Sid == "Receive"
      ] if can(operation.entry.queue)
    ]))
    error_message = "An operation receives from its own queue."
  }

  assert {
    condition = alltrue([
      for operation in local.registry :
      !strcontains(module.function[operation.name].policy, "secretsmanager:") if !contains(operation.uses, "keys")
    ])
    error_message = "Who does not use the key ring can not read it."
  }
}

run "partitions" {
  command = plan

  # Whoever may write the keys that callers come with can let anybody in as anyone.
  assert {
    condition = alltrue(flatten([
      for operation in local.registry : [
        for statement in jsondecode(module.function[operation.name].policy).Statement :
        try(statement.Condition["ForAllValues:StringNotEquals"]["dynamodb:LeadingKeys"], []) == ["platform/admin", "platform/key"] ||
        can(statement.Condition["ForAllValues:StringEquals"]["dynamodb:LeadingKeys"])
        if startswith(statement.Action[0], "dynamodb:")
      ] if !contains(["access", "authorize"], operation.package)
    ]))
    error_message = "Only the operations that manage keys may touch them."
  }

  assert {
    condition = alltrue(flatten([
      for operation in local.registry : [
        for statement in jsondecode(module.function[operation.name].policy).Statement :
        statement.Condition["Null"]["dynamodb:LeadingKeys"] == "false" if startswith(statement.Action[0], "dynamodb:")
      ] if operation.package != "access"
    ]))
    error_message = "A request that names no partition does not get round the condition."
  }

  assert {
    condition = [
      for statement in jsondecode(module.function["authorize.request"].policy).Statement :
      statement.Condition["ForAllValues:StringEquals"]["dynamodb:LeadingKeys"] if startswith(statement.Action[0], "dynamodb:")
    ] == [["platform/key"]]
    error_message = "The authorizer reads keys and nothing else."
  }

  assert {
    condition = [
      for statement in jsondecode(module.function["observe.health"].policy).Statement :
      statement.Condition["ForAllValues:StringEquals"]["dynamodb:LeadingKeys"] if startswith(statement.Action[0], "dynamodb:")
    ] == [["platform/health"]]
    error_message = "What anybody may call reads its own item and nothing else."
  }

  assert {
    condition = alltrue(flatten([
      for operation in local.registry : [
        for statement in jsondecode(module.function[operation.name].policy).Statement :
        statement.Resource == ["arn:aws:s3:::fettle-123456789012-eu-central-1/*/artifacts/*"] if statement.Sid == "ObjectsRead"
      ] if operation.package == "predict"
    ]))
    error_message = "Predictions read artifacts, and no data set."
  }
}

run "every_use" {
  command = plan

  variables {
    operations_file   = "tests/fixtures/every-use.json"
    queue_concurrency = {}
    tracing           = false
    kms_key_arn       = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555"
    packages          = { access = base64sha256("access"), authorize = base64sha256("authorize"), ingest = base64sha256("ingest"), queues = base64sha256("queues"), observe = base64sha256("observe") }
  }

  assert {
    condition = { for statement in jsondecode(module.function["queues.redrive"].policy).Statement : statement.Resource[0] => sort(statement.Action) if startswith(statement.Sid, "QueuesTend") } == merge([
      for queue in ["ingest", "trial", "notify", "served", "batch"] : {
        "arn:aws:sqs:eu-central-1:123456789012:fettle-${queue}"      = tolist(["sqs:GetQueueAttributes", "sqs:SendMessage"])
        "arn:aws:sqs:eu-central-1:123456789012:fettle-${queue}-dead" = tolist(["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"])
      }
    ]...)
    error_message = "Who tends the queues takes dead letters, and puts them back."
  }

  assert {
    condition = [for statement in jsondecode(module.function["secrets.put"].policy).Statement : statement if statement.Sid == "Keys"] == [{
      Sid      = "Keys"
      Effect   = "Allow"
      Action   = ["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"]
      Resource = ["arn:aws:secretsmanager:eu-central-1:123456789012:secret:fettle/keys-??????"]
    }]
    error_message = "The key ring is one secret."
  }

  assert {
    condition = alltrue([
      for name, services in { "queues.redrive" = ["sqs"], "secrets.put" = ["secretsmanager"], "observe.health" = ["dynamodb"], "ingest.file" = ["dynamodb", "s3", "sqs"] } :
      [for statement in jsondecode(module.function[name].policy).Statement : statement if statement.Sid == "Key"] == [{
        Sid       = "Key"
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = [var.kms_key_arn]
        Condition = { StringEquals = { "kms:ViaService" = [for service in services : "${service}.eu-central-1.amazonaws.com"] } }
      }]
    ])
    error_message = "A key of one's own is used through the services that the operation uses."
  }

  assert {
    condition     = !strcontains(module.function["observe.version"].policy, "kms:")
    error_message = "Who keeps nothing needs no key."
  }
}
