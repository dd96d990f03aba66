/* Names and services as text. */
/* SPDX-License-Identifier: MIT */
#include "dns/name.h"

#include "sys/sys.h"

#include <string.h>

enum { LABEL_MAX = 63 };

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Bytes above ASCII are left to the resolver: some take UTF-8. The underscore is in no host name,
 * but in many zones. */
static bool is_host(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
	       c == '_' || (unsigned char)c >= 0x80;
}

/* Labels of 1 to 63 characters, one dot between them and perhaps one at the end. */
static bool labels_good(const char *name, size_t n)
{
	size_t label = 0;

	for (size_t i = 0; i < n; i++) {
		if (name[i] == '.' ? label == 0 : !is_host(name[i]))
			return false;
		label = name[i] == '.' ? 0 : label + 1;
		if (label > LABEL_MAX)
			return false;
	}
	return true;
}

/* The last label is a number, decimal or with 0x: then the name is an old spelling of an address,
 * or nonsense. */
static bool ends_in_number(const char *name, size_t n)
{
	size_t end = name[n - 1] == '.' ? n - 1 : n, begin = end;

	while (begin > 0 && name[begin - 1] != '.')
		begin--;
	if (end - begin >= 2 && name[begin] == '0' && (name[begin + 1] | 0x20) == 'x')
		return true;
	while (begin < end && is_digit(name[begin]))
		begin++;
	return begin == end;
}

/* px_addr_parse takes ports, "*", "unix:" and "pipe:" too; what is handed to it here can have none
 * of them. */
static px_name literal_parse(const char *name, proa_addr *out)
{
	return px_addr_parse(out, name, 0) == 0 ? PX_NAME_LITERAL : PX_NAME_BAD;
}

static bool is_v6(const char *name, size_t n)
{
	const char *colon = strchr(name, ':');

	if (*name == '[')
		return name[n - 1] == ']';
	return colon && colon[0] && strchr(colon + 1, ':') && strncmp(name, "unix:", 5) != 0 &&
	       strncmp(name, "pipe:", 5) != 0;
}

px_name px_name_parse(const char *name, proa_addr *out)
{
	size_t n = name ? strlen(name) : 0;

	if (n == 0 || n > PX_NAME_MAX)
		return PX_NAME_BAD;
	if (is_v6(name, n))
		return literal_parse(name, out);
	if (!labels_good(name, n))
		return PX_NAME_BAD;
	return ends_in_number(name, n) ? literal_parse(name, out) : PX_NAME_HOST;
}

int px_service_port(const char *service)
{
	size_t n = service ? strlen(service) : 0;
	int port = 0;

	if (!service)
		return 0;
	if (n == 0 || n > PX_SERVICE_MAX)
		return -PROA_EINVAL;
	if (!strcmp(service, "http"))
		return 80;
	if (!strcmp(service, "https"))
		return 443;
	if (!is_digit(*service))
		return PX_SERVICE_ASK;
	for (; *service; service++) {
		if (!is_digit(*service) || port > UINT16_MAX)
			return -PROA_EINVAL;
		port = port * 10 + (*service - '0');
	}
	return port > UINT16_MAX ? -PROA_EINVAL : port;
}
