/** Names of objects, as the API server allows them; none of them is an option of kubectl. */
export const objectName = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;
