package allowedimages

containers contains container if some container in input.review.object.spec.template.spec.containers

containers contains container if some container in input.review.object.spec.template.spec.initContainers

trusted(image) if {
	some registry in input.parameters.registries
	startswith(image, registry)
}

tag(image) := parts[1] if {
	path := split(image, "/")
	parts := split(path[count(path) - 1], ":")
	count(parts) == 2
}

pinned(image) if contains(image, "@sha256:")

pinned(image) if not tag(image) in input.parameters.forbiddenTags

violation contains {"msg": msg} if {
	some container in containers
	not trusted(container.image)
	msg := sprintf("container %s: image %q is from none of %s",
		[container.name, container.image, concat(", ", input.parameters.registries)])
}

violation contains {"msg": msg} if {
	some container in containers
	not pinned(container.image)
	msg := sprintf("container %s: image %q has a tag that moves", [container.name, container.image])
}
