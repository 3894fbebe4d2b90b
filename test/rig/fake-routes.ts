import type { z } from 'zod'
import type { FakeAnswer, FakeRequest } from './fake-forge.ts'

// How a fake forge finds the answer to a request: the first route whose method and path fit.

type Answered = FakeAnswer | Promise<FakeAnswer>

export type Route = readonly [
  method: string,
  path: RegExp,
  /** Gets the groups of the path, decoded. */
  answer: (request: FakeRequest, ...parts: readonly string[]) => Answered,
]

/** The answer of the route that fits, or `otherwise`. */
export function answerBy(routes: readonly Route[], request: FakeRequest, otherwise: FakeAnswer): Answered {
  for (const [method, path, answer] of routes) {
    const found = method === request.method ? path.exec(request.path) : null
    if (found !== null) return answer(request, ...found.slice(1).map(decodeURIComponent))
  }
  return otherwise
}

/** A route about one thing, which the first group of the path names. */
export function about<Thing>(
  find: (id: string) => Thing | undefined,
  missing: FakeAnswer,
  answer: (thing: Thing, request: FakeRequest) => Answered,
): Route[2] {
  return (request, id = '') => {
    const thing = find(id)
    return thing === undefined ? missing : answer(thing, request)
  }
}

/** The JSON of a request through its schema, or what the forge answers when it does not fit. */
export function withBody<Body>(
  request: FakeRequest,
  schema: z.ZodType<Body>,
  refusal: FakeAnswer,
  answer: (body: Body) => Answered,
): Answered {
  if (request.headers['content-type'] !== 'application/json') return refusal
  const read = schema.safeParse(JSON.parse(request.body))
  return read.success ? answer(read.data) : refusal
}

/** The page that the query asks for; pages count from 1. */
export function pageFrom<Item>(
  items: readonly Item[],
  { query }: FakeRequest,
  { sizeName, mostPerPage }: { readonly sizeName: string; readonly mostPerPage: number },
): readonly Item[] {
  const page = Number(query.get('page') ?? 1)
  const size = Math.min(Number(query.get(sizeName) ?? 20), mostPerPage)
  return items.slice((page - 1) * size, page * size)
}
