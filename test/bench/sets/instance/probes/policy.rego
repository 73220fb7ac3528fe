package probes

violation contains {"msg": msg} if {
	some kind in input.parameters.kinds
	not input.review.object.spec.probes[kind]
	msg := sprintf("there is no %s probe", [kind])
}

violation contains {"msg": msg} if {
	some kind, probe in input.review.object.spec.probes
	probe.periodSeconds > input.parameters.maxPeriod
	msg := sprintf("the %s probe runs every %d s; at most %d", [kind, probe.periodSeconds, input.parameters.maxPeriod])
}
