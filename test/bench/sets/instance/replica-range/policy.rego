package replicarange

violation contains {"msg": msg} if {
	replicas := input.review.object.spec.replicas
	not within(replicas)
	msg := sprintf("replicas is %d, and must be from %d to %d", [replicas, input.parameters.min, input.parameters.max])
}

within(replicas) if {
	replicas >= input.parameters.min
	replicas <= input.parameters.max
}
