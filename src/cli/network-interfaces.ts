import { readFileSync } from 'node:fs'

export interface NetworkInterfaces {
  readonly receivedBytes: number
  readonly sentBytes: number
  /** The fastest link that the kernel knows the speed of; 0 when it knows none, as of many virtual ones. */
  readonly linkMbps: number
}

const NOTHING: NetworkInterfaces = { receivedBytes: 0, sentBytes: 0, linkMbps: 0 }

/** One line of /proc/net/dev, proc_net(5): a name, eight numbers of what came in, eight of what went out. */
const LINE = /^\s*(\S+):\s*(\d+)(?:\s+\d+){7}\s+(\d+)/

/** What has gone through the host's interfaces since they came up, loopback left out. All zero where there is no procfs. */
export function readInterfaces(table: string | undefined = read('/proc/net/dev')): NetworkInterfaces {
  if (table === undefined) return NOTHING
  const sum = { ...NOTHING }
  for (const line of table.split('\n')) {
    const [, name, received, sent] = LINE.exec(line) ?? []
    if (name === undefined || name === 'lo') continue
    sum.receivedBytes += Number(received)
    sum.sentBytes += Number(sent)
    sum.linkMbps = Math.max(sum.linkMbps, Number(read(`/sys/class/net/${name}/speed`) ?? 0))
  }
  return sum
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
