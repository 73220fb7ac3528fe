package v1alpha1

// Condition types and reasons that kroguard writes into status.conditions.
const (
	// ConditionReady is True when the object is in force as written: a Guardrail compiled, a Project without conflict,
	// an exception that has not expired.
	ConditionReady = "Ready"

	// ReasonCompiled says that a Guardrail compiled.
	ReasonCompiled = "Compiled"
	// ReasonCompileError says that a Guardrail does not compile; the message has line and column. The guardrail then
	// counts by its failurePolicy.
	ReasonCompileError = "CompileError"
	// ReasonResolved says that each namespace a Project names belongs to it alone.
	ReasonResolved = "Resolved"
	// ReasonNamespaceConflict says that another Project claims some of the same namespaces with equal right.
	ReasonNamespaceConflict = "NamespaceConflict"
	// ReasonInvalidSelector says that a label selector of the object can't be parsed.
	ReasonInvalidSelector = "InvalidSelector"
	// ReasonInForce says that an exception is honored.
	ReasonInForce = "InForce"
	// ReasonExpired says that an exception's expiresAt has passed.
	ReasonExpired = "Expired"
)
