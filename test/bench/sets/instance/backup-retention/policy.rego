package backupretention

violation contains {"msg": msg} if {
	some volume in input.review.object.spec.storage
	volume.class == input.parameters.class
	volume.backup.retentionDays < input.parameters.minDays
	msg := sprintf("backups of %s are kept for %d days; at least %d",
		[volume.name, volume.backup.retentionDays, input.parameters.minDays])
}
