import { createHostNetwork, parseProxy } from '../../src/host-network.ts'
import type { HostNetwork } from '../../src/host-network.ts'

/** A network from the certificate to trust and the proxy to use per host glob, in the order they are written. */
export function networkOf({
  ca = {},
  proxy = {},
  allowsProxied = () => true,
}: {
  readonly ca?: Readonly<Record<string, string>>
  readonly proxy?: Readonly<Record<string, string>>
  readonly allowsProxied?: (host: string) => boolean
}): HostNetwork {
  return createHostNetwork({
    bundles: Object.entries(ca).map(([host, cert]) => ({
      host,
      value: { file: host, certificates: [cert] },
    })),
    proxies: Object.entries(proxy).map(([host, url]) => ({ host, value: proxyOf(url) })),
    allowsProxied,
  })
}

function proxyOf(url: string) {
  const proxy = url === 'direct' ? url : parseProxy(url)
  if (proxy === undefined) throw new Error(`not a proxy: ${url}`)
  return proxy
}
