import type { Config } from './config.ts'
import { createHostNetwork } from './host-network.ts'
import type { HostNetwork } from './host-network.ts'
import { createHostPolicy, createRelayPolicy } from './host-policy.ts'
import type { HostPolicy } from './host-policy.ts'

/** Which hosts the daemon may contact, the way to each of them, and where it does so without git. */
export function remoteHosts({ remotes, relay, secrets }: Pick<Config, 'remotes' | 'relay' | 'secrets'>): {
  readonly hosts: HostPolicy
  readonly network: HostNetwork
  readonly allowWire: ReturnType<typeof createRelayPolicy>
} {
  const hosts = createHostPolicy({ allowed: remotes.allowedHosts, denied: remotes.deniedHosts })
  const network = createHostNetwork({
    bundles: remotes.hostCa,
    proxies: secrets.hostProxy,
    allowsProxied: hosts.allowsUnresolved,
  })
  return { hosts, network, allowWire: createRelayPolicy(relay) }
}
