import type { Config } from './config.ts'
import { isListed, toBlockList } from './networks.ts'

// Whom the settings allow to deliver.

/** Secrets that may have signed a delivery of this forge. */
export function secretsFor({ secrets }: Config, forge: string): readonly string[] {
  const secret = secrets.webhookSecretByForge.get(forge) ?? secrets.webhookSecret
  return secret === undefined ? [] : [secret]
}

/** Whether a client address may deliver at all. */
export function addressCheck({ webhook }: Config): (address: string | null) => boolean {
  if (webhook.ipAllowlist.length === 0) return () => true
  const allowed = toBlockList(webhook.ipAllowlist)
  return (address) => address !== null && isListed(allowed, address)
}
