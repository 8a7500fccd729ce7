export { Nameserver, type NameserverOptions } from './nameserver.ts'
