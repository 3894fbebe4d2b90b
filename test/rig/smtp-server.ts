import { once } from 'node:events'
import { SMTPServer } from 'smtp-server'
import type { Certificate } from './certificate.ts'

// A real mail server on a port of its own.

export type ReceivedMail = {
  readonly from: string
  readonly to: readonly string[]
  readonly user: string | undefined
  readonly isEncrypted: boolean
  /** Everything after DATA, as it came. */
  readonly text: string
}

export type MailServer = AsyncDisposable & {
  readonly port: number
  readonly mails: readonly ReceivedMail[]
  /** User names that somebody has tried to log in with. */
  readonly logins: readonly string[]
  readonly failWith: (failure: { readonly code: number; readonly words: string } | undefined) => void
}

export type MailServerOptions = {
  readonly tls?: Certificate & { readonly fromStart: boolean }
  readonly login?: { readonly user: string; readonly password: string }
  /** Recipients that it does not know. */
  readonly unknown?: readonly string[]
}

export async function startMailServer(options: MailServerOptions = {}): Promise<MailServer> {
  const mails: ReceivedMail[] = []
  const logins: string[] = []
  let failure: { readonly code: number; readonly words: string } | undefined
  const refusal = (code: number, words: string): Error =>
    Object.assign(new Error(words), { responseCode: code })
  const { tls, login } = options
  const server = new SMTPServer({
    secure: tls?.fromStart === true,
    ...(tls === undefined ? {} : { key: tls.key, cert: tls.cert }),
    disabledCommands: [...(tls === undefined ? ['STARTTLS'] : []), ...(login === undefined ? ['AUTH'] : [])],
    authOptional: login === undefined,
    allowInsecureAuth: true,
    disableReverseLookup: true,
    onAuth: ({ username, password }, _session, callback) => {
      logins.push(String(username))
      if (username === login?.user && password === login?.password) callback(null, { user: username })
      else callback(refusal(535, `5.7.8 no login with ${String(password)}`))
    },
    onRcptTo: ({ address }, _session, callback) => {
      callback(options.unknown?.includes(address) === true ? refusal(550, '5.1.1 no such user') : null)
    },
    onData: (stream, session, callback) => {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => void chunks.push(chunk))
      stream.on('end', () => {
        if (failure !== undefined) return callback(refusal(failure.code, failure.words))
        const { mailFrom, rcptTo } = session.envelope
        mails.push({
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          user: session.user === undefined ? undefined : String(session.user),
          isEncrypted: session.secure,
          text: Buffer.concat(chunks).toString(),
        })
        callback(null, '2.0.0 queued')
      })
    },
  })
  // A client that breaks off is none of its own.
  server.on('error', () => undefined)
  const listening = server.listen(0, '127.0.0.1')
  await once(listening, 'listening')
  const address = listening.address()
  return {
    port: address === null || typeof address === 'string' ? 0 : address.port,
    mails,
    logins,
    failWith: (next) => {
      failure = next
    },
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(resolve)),
  }
}
