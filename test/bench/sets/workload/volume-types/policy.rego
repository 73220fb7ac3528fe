package volumetypes

types contains kind if {
	some volume in input.review.object.spec.template.spec.volumes
	some kind, _ in volume
	kind != "name"
}

names contains volume.name if some volume in input.review.object.spec.template.spec.volumes

violation contains {"msg": msg} if {
	excess := types - {t | some t in input.parameters.allowed}
	count(excess) > 0
	msg := sprintf("volume types %v are not allowed", [excess])
}

violation contains {"msg": msg} if {
	some container in input.review.object.spec.template.spec.containers
	some mount in container.volumeMounts
	not mount.name in names
	msg := sprintf("container %s mounts volume %s, which there is not", [container.name, mount.name])
}
