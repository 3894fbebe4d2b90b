// The frames of git's protocol, as far as a server needs them that says something wrong.

type Packet = Buffer | 'flush' | 'delimiter' | 'end'

const SPECIAL: Readonly<Record<string, Packet>> = { '0000': 'flush', '0001': 'delimiter', '0002': 'end' }

/** Takes a message apart into its lines. */
function readPackets(message: Buffer): readonly Packet[] {
  const packets: Packet[] = []
  for (let at = 0; at + 4 <= message.length;) {
    const head = message.toString('latin1', at, at + 4)
    const special = SPECIAL[head]
    const length = special === undefined ? Number.parseInt(head, 16) : 4
    packets.push(special ?? message.subarray(at + 4, at + length))
    at += length
  }
  return packets
}

function packet(content: Buffer | string): Buffer {
  const bytes = Buffer.from(content)
  return Buffer.concat([Buffer.from((bytes.length + 4).toString(16).padStart(4, '0')), bytes])
}

function writePackets(packets: readonly Packet[]): Buffer {
  const heads = { flush: '0000', delimiter: '0001', end: '0002' }
  return Buffer.concat(
    packets.map((one) => (typeof one === 'string' ? Buffer.from(heads[one]) : packet(one))),
  )
}

/** The same message without the lines that contain a text. */
export function withoutLines(message: Buffer, text: string): Buffer {
  return writePackets(
    readPackets(message).filter((one) => typeof one === 'string' || !one.toString('latin1').includes(text)),
  )
}

/** What a server says about a push, e.g. `pushReport('unpack ok', 'ok refs/heads/main')`. */
export function pushReport(...lines: readonly string[]): Buffer {
  const report = Buffer.concat([...lines.map((line) => packet(`${line}\n`)), Buffer.from('0000')])
  return Buffer.concat([packet(Buffer.concat([Buffer.of(1), report])), Buffer.from('0000')])
}
