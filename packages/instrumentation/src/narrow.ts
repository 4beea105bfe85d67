/** Whether it has members: an object or a function. */
export function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || isFunction(value);
}

export function isFunction(value: unknown): value is Function {
  return typeof value === 'function';
}
