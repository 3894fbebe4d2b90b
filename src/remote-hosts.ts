import type { Config } from './config.ts'
import { createHostNetwork } from './host-network.ts'
import type { HostNetwork } from './host-network.ts'
import { createHostPolicy } from './host-policy.ts'
import type { HostPolicy } from './host-policy.ts'

/** Which hosts the daemon may contact, and the way to each of them. */
export function remoteHosts({ remotes, secrets }: Pick<Config, 'remotes' | 'secrets'>): {
  readonly hosts: HostPolicy
  readonly network: HostNetwork
} {
  const hosts = createHostPolicy({ allowed: remotes.allowedHosts, denied: remotes.deniedHosts })
  const network = createHostNetwork({
    bundles: remotes.hostCa,
    proxies: secrets.hostProxy,
    allowsProxied: hosts.allowsUnresolved,
  })
  return { hosts, network }
}
