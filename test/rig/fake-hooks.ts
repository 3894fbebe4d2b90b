import type { Certificate } from './certificate.ts'
import type { SentPush, SentRequest } from './deliveries.ts'
import type { FakeDefaultBranch } from './fake-default-branch.ts'
import type { FakeForge, FakeRequest } from './fake-forge.ts'

// The hooks of the one repository that a fake forge has.

export type FakeHook = {
  readonly id: string
  readonly url: string
  /** What the forge signs with; it tells it nobody. */
  readonly secret: string | undefined
  readonly isActive: boolean
  readonly events: readonly string[]
}

export type FakeHookForge = FakeForge & {
  /** Of the repository, for git. */
  readonly address: string
  /** Where the address does not tell. */
  readonly apiUrl?: string
  readonly hooks: () => readonly FakeHook[]
  /** What a person does on the page of settings, or the forge by itself. */
  readonly changeHook: (id: string, change: Partial<Omit<FakeHook, 'id'>>) => void
  /** Has every active hook deliver the push; resolves when each has been answered or not. */
  readonly push: (push: Pick<SentPush, 'ref' | 'before' | 'after'>) => Promise<void>
}

export type FakeHookForgeOptions = {
  readonly token: string
  /** `owner/name` */
  readonly fullName: string
  /** What deliveries say; default: the address. */
  readonly cloneUrl?: string
  readonly now?: () => number
  /** By default it is remembered. */
  readonly defaultBranch?: FakeDefaultBranch
  /** However many a page is asked to have. */
  readonly mostPerPage?: number
  /** When set, the forge speaks HTTPS and shows this; of the fakes only Gitea's can. */
  readonly tls?: Certificate
}

/** Hooks by id, which grow as ids do. */
export function createFakeHooks() {
  const hooks = new Map<string, FakeHook>()
  let lastId = 12_000_000
  return {
    all: () => [...hooks.values()],
    find: (id: string | undefined) => hooks.get(id ?? ''),
    add: (hook: Omit<FakeHook, 'id'>): FakeHook => {
      const added = { ...hook, id: String(++lastId) }
      hooks.set(added.id, added)
      return added
    },
    change: (id: string, change: Partial<Omit<FakeHook, 'id'>>): void => {
      const hook = hooks.get(id)
      if (hook === undefined) throw new Error(`the fake forge has no hook ${id}`)
      hooks.set(id, { ...hook, ...change })
    },
    remove: (id: string): void => void hooks.delete(id),
  }
}

/** The status of the answer; undefined when there was none. */
export async function deliver(url: string, sent: SentRequest): Promise<number | undefined> {
  try {
    const answer = await fetch(url + sent.search, {
      method: sent.method,
      headers: sent.headers,
      body: sent.body,
      redirect: 'manual',
      signal: AbortSignal.timeout(10_000),
    })
    await answer.arrayBuffer()
    return answer.status
  } catch {
    return undefined
  }
}

/** The page that `page` and the size in the query ask for, and the header that names the next. */
export function pageOf<Item>(
  items: readonly Item[],
  { path, query }: FakeRequest,
  origin: string,
  { sizeName, mostPerPage }: { readonly sizeName: string; readonly mostPerPage: number },
): { readonly items: readonly Item[]; readonly headers: Readonly<Record<string, string>> } {
  const page = Number(query.get('page') ?? 1)
  const size = Math.min(Number(query.get(sizeName) ?? 30), mostPerPage)
  const link = (number: number): string => `<${origin}${path}?page=${number}&${sizeName}=${size}>`
  const last = Math.ceil(items.length / size)
  return {
    items: items.slice((page - 1) * size, page * size),
    headers: page < last ? { link: `${link(page + 1)}; rel="next", ${link(last)}; rel="last"` } : {},
  }
}
