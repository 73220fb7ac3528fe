package registration

// Name is the name of both webhook configurations.
const Name = "kroguard"

// Paths under which the webhook server answers.
const (
	PathMutateInstances                   = "/mutate/instances"
	PathValidateInstances                 = "/validate/instances"
	PathValidateResourceGraphDefinitions  = "/validate/resourcegraphdefinitions"
	PathValidateCustomResourceDefinitions = "/validate/customresourcedefinitions"
	PathValidateGuardrails                = "/validate/guardrails"
	PathValidateGuardrailExceptions       = "/validate/guardrailexceptions"
	PathValidateProjects                  = "/validate/projects"
)

// Names of the webhooks. The API server wants at least three DNS labels, and shows the name to whoever is refused.
const (
	WebhookInstances                         = "instances.kroguard.io"
	WebhookResourceGraphDefinitions          = "resourcegraphdefinitions.kroguard.io"
	WebhookCustomResourceDefinitions         = "customresourcedefinitions.kroguard.io"
	WebhookInternalCustomResourceDefinitions = "internal.customresourcedefinitions.kroguard.io"
	WebhookGuardrails                        = "guardrails.kroguard.io"
	WebhookGuardrailExceptions               = "guardrailexceptions.kroguard.io"
	WebhookProjects                          = "projects.kroguard.io"
)
