package imagetags

images contains input.review.object.spec.image

images contains sidecar.image if some sidecar in input.review.object.spec.sidecars

tag(image) := parts[1] if {
	path := split(image, "/")
	parts := split(path[count(path) - 1], ":")
	count(parts) == 2
}

violation contains {"msg": msg} if {
	some image in images
	not tag(image)
	msg := sprintf("image %q has no tag", [image])
}

violation contains {"msg": msg} if {
	some image in images
	tag(image) in input.parameters.forbidden
	msg := sprintf("image %q has a tag that moves", [image])
}
