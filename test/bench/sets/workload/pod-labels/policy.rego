package podlabels

labels := object.get(input.review.object.spec.template.metadata, "labels", {})

violation contains {"msg": msg} if {
	wanted := {l.key | some l in input.parameters.labels}
	missing := wanted - {key | some key, _ in labels}
	count(missing) > 0
	msg := sprintf("the Pods lack labels %v", [missing])
}

violation contains {"msg": msg} if {
	some wanted in input.parameters.labels
	value := labels[wanted.key]
	not regex.match(wanted.pattern, value)
	msg := sprintf("label %s of the Pods is %q, which does not match %s", [wanted.key, value, wanted.pattern])
}

violation contains {"msg": msg} if {
	some key, value in input.review.object.spec.selector.matchLabels
	object.get(labels, key, "") != value
	msg := sprintf("the selector asks for %s=%s, which the Pods don't have", [key, value])
}
