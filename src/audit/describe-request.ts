// What a request is about, as far as its method and path tell. A route that knows better says so.

export type RequestSubject = {
  readonly action: string
  readonly type: string
  readonly id: string | null
  readonly name: string | null
}

const TYPE_BY_COLLECTION: ReadonlyMap<string, string> = new Map([
  ['repos', 'repo'],
  ['repo', 'binding'],
  ['bindings', 'binding'],
  ['branches', 'branch'],
  ['branch', 'branch'],
  ['tasks', 'task'],
  ['channels', 'channel'],
  ['ssh-keys', 'ssh_key'],
  ['host-keys', 'host_key'],
  ['tokens', 'token'],
  ['hooks', 'hook'],
  ['forges', 'forge'],
  ['conflicts', 'conflict'],
  ['backups', 'backup'],
  ['deliveries', 'delivery'],
  ['runs', 'run'],
])
// Whose name in the path is what people call it; the others have ids.
const NAMED: ReadonlySet<string> = new Set(['binding', 'host_key'])
const ACTION_BY_METHOD: ReadonlyMap<string, string> = new Map([
  ['POST', 'CREATE'],
  ['PUT', 'UPDATE'],
  ['PATCH', 'UPDATE'],
  ['DELETE', 'DELETE'],
])
// What may follow the id of an object inside another one; any other word there belongs to a name.
const INNER_VERBS: ReadonlySet<string> = new Set(['test', 'rotate', 'resolve', 'restore'])

/** `path` as sent, still encoded. Takes any path: one that nobody has thought of yields its first word as the type. */
export function describeRequest(method: string, path: string): RequestSubject {
  const words = path
    .replace(/^\/(?:api\/v1|cerobot\/sync)(?=\/|$)/, '')
    .split('/')
    .filter((word) => word !== '')
    .map(decode)
  const action = ACTION_BY_METHOD.get(method) ?? method
  const first = words.findIndex((word) => TYPE_BY_COLLECTION.has(word))
  const outer = TYPE_BY_COLLECTION.get(words[first] ?? '')
  if (outer === undefined) return { action, type: typeOf(words[0] ?? 'service'), id: null, name: null }
  const [key, word, ...rest] = words.slice(first + 1)
  const named = NAMED.has(outer) ? { id: null, name: key ?? null } : { id: key ?? null, name: null }
  if (word === undefined) return { action, type: outer, ...named }
  const inner = TYPE_BY_COLLECTION.get(word)
  if (inner === undefined) return { action: verbOf(word), type: outer, ...named }
  const parent = named.name ?? named.id
  const last = rest.at(-1) ?? ''
  const hasVerb = rest.length > 1 && INNER_VERBS.has(last)
  const id = (hasVerb ? rest.slice(0, -1) : rest).join('/')
  return innerSubject({ action: hasVerb ? last.toUpperCase() : action, type: inner, id, name: parent })
}

// The documented clients know branches by actions of their own.
function innerSubject(subject: RequestSubject & { readonly id: string }): RequestSubject {
  const { action, type, id } = subject
  if (type !== 'branch') return { ...subject, id: id === '' ? null : id }
  if (id === 'checkout') return { ...subject, action: 'CHECKOUT_BRANCH', id: null }
  const isChange = action === 'CREATE' || action === 'UPDATE' || action === 'DELETE'
  return { ...subject, action: isChange ? `${action}_BRANCH` : action, id: id === '' ? null : id }
}

function verbOf(word: string): string {
  return word === 'run' ? 'SYNC' : typeOf(word).toUpperCase()
}

function typeOf(word: string): string {
  return word.toLowerCase().replaceAll('-', '_')
}

function decode(word: string): string {
  try {
    return decodeURIComponent(word)
  } catch {
    return word
  }
}
