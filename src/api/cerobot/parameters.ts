import { IncomingMessage } from 'node:http'
import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { z } from 'zod'

// Parameters come in the body, as the document says, or in the query, as the real service reads
// them; the body wins.

/** What a request brought along, not yet judged. */
export type Parameters = {
  readonly query: Readonly<Record<string, unknown>>
  readonly body: Readonly<Record<string, unknown>>
}

type Problem = { readonly loc: readonly string[]; readonly msg: string; readonly type: string }

/** A request that does not fit its call; the text never repeats what was sent. */
export class ParameterError extends Error {
  override readonly name = 'ParameterError'
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    super('the request does not fit the call')
    this.problems = problems
  }
}

const MAX_GET_BODY_BYTES = 64 * 1024
// Documented in every body, though the path has named them already.
const PATH_PARAMETERS: ReadonlySet<string> = new Set(['repo_name', 'branch_name'])

const NodeServer = z.object({ incoming: z.instanceof(IncomingMessage) })
const Chunk = z.instanceof(Uint8Array)
const JsonObject = z.record(z.string(), z.unknown())

export async function readParameters(c: Context): Promise<Parameters> {
  return { query: c.req.query(), body: parseBody(await readBody(c), c.req.header('content-type') ?? '') }
}

/** Fits the parameters into the shape; unknown ones are refused in a body and ignored in a query. */
export function fitParameters<Shape extends z.ZodRawShape>(
  shape: z.ZodObject<Shape>,
  { query, body }: Parameters,
): z.infer<z.ZodObject<Shape>> {
  const known = new Set(Object.keys(shape.shape))
  const fromQuery = Object.entries(query).filter(([name]) => known.has(name))
  const fromBody = Object.entries(body).filter(([name]) => known.has(name) || !PATH_PARAMETERS.has(name))
  const stray = fromBody.filter(([name]) => !known.has(name))
  if (stray.length > 0) {
    throw new ParameterError(
      stray.map(([name]) => ({
        loc: ['body', name.slice(0, 100)],
        msg: 'extra fields not permitted',
        type: 'value_error.extra',
      })),
    )
  }
  const given = new Map([...fromQuery, ...fromBody])
  const parsed = shape.safeParse(Object.fromEntries(given))
  if (parsed.success) return parsed.data
  throw new ParameterError(
    parsed.error.issues.map((issue) => {
      const name = String(issue.path[0])
      const isFromQuery = name in query && !(name in body)
      const loc = [isFromQuery ? 'query' : 'body', name]
      return given.has(name)
        ? { loc, msg: issue.message, type: 'type_error' }
        : { loc, msg: 'field required', type: 'value_error.missing' }
    }),
  )
}

function parseBody(text: string, contentType: string): Readonly<Record<string, unknown>> {
  if (text.trim() === '') return {}
  try {
    const parsed = JsonObject.safeParse(JSON.parse(text))
    if (parsed.success) return parsed.data
  } catch {
    // curl sends `-d` as a form, whatever the text is; so the text is tried first.
    if (contentType.startsWith('application/x-www-form-urlencoded') && !/^\s*[{[]/.test(text)) {
      return Object.fromEntries(new URLSearchParams(text))
    }
  }
  throw new ParameterError([
    { loc: ['body'], msg: 'the body is not a JSON object', type: 'value_error.jsondecode' },
  ])
}

// The document puts parameters into the body of GET too, which a fetch Request does not carry.
async function readBody(c: Context): Promise<string> {
  if (c.req.method !== 'GET') return c.req.text()
  const server = NodeServer.safeParse(c.env)
  if (!server.success) return ''
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const data of server.data.incoming) {
    const chunk = Chunk.parse(data)
    length += chunk.length
    if (length > MAX_GET_BODY_BYTES) throw new HTTPException(413)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
