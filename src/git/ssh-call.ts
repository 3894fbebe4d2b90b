import type { RemoteAccess } from './environment.ts'
import { parseEndpoint } from './host.ts'
import type { RemoteUrl } from './refs.ts'

// How a server is asked over SSH for something else than git's own commands ask for.

/** The arguments of ssh; undefined: the address is none of SSH, or the call may not use it. */
export function sshArguments(
  url: RemoteUrl,
  { ssh }: RemoteAccess,
  command: string,
  options: readonly string[] = [],
): readonly string[] | undefined {
  const place = parseEndpoint(url)
  if (place?.scheme !== 'ssh' || ssh === undefined) return undefined
  const login = place.user === '' ? [] : ['-l', place.user]
  const more = options.flatMap((option) => ['-o', option])
  return [...ssh.options, ...more, '-p', String(place.port), ...login, '--', place.host, command]
}

/** The path as it stands in the address. */
export function sshPath(url: RemoteUrl): string {
  const scp = /^(?:[^@:/]*@)?(?:\[[^\]]*\]|[^:/]+):(?!\/\/)(.*)$/.exec(url)?.[1]
  return scp ?? decodePath(new URL(url).pathname)
}

// A sign that stands for nothing stands for itself, as git has it.
function decodePath(path: string): string {
  return path.replaceAll(/(?:%[0-9a-f]{2})+/gi, (bytes) =>
    Buffer.from(bytes.replaceAll('%', ''), 'hex').toString('utf8'),
  )
}

/** A word for a server, which splits its line as a shell does. */
export function quoted(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`
}
